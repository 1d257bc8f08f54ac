"""Standing where an application looks: every provider's own host is the fake, for one command or one test run."""
