"""Parse, call one operation, render. FastAPI lives here."""
