"""archspec: a network is data."""
