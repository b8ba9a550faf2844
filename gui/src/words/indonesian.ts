export const CATALOGUE: Record<string, string> = {};
