/** Views of what changes often: computed again at most every so many milliseconds, however many events come. */

import { effect, onScopeDispose, shallowRef, stop, type ShallowRef } from "vue";

/** The value of `read`, at once and then at most every `ms`. */
export function throttled<T>(read: () => T, ms: number): Readonly<ShallowRef<T>> {
  const out = shallowRef<T>() as ShallowRef<T>;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const runner = effect(() => void (out.value = read()), {
    scheduler: () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        runner();
      }, ms);
    },
  });
  onScopeDispose(() => {
    clearTimeout(timer);
    stop(runner);
  });
  return out;
}
