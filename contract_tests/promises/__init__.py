"""What each provider's pages promise, stated by hand from the pages."""
