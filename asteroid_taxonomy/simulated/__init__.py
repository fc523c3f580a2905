"""The simulated survey, which stands in for the archives where there is no network."""
