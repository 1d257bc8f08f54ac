"""The providers' real SDKs, and a browser, against a live fake."""
