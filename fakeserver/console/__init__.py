"""The console: pages for people who look, made of static files that call nothing but the public endpoints."""
