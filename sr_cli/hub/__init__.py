"""The Hugging Face Hub, by its own client.

The client finds the Hub, the token, the proxy and the cache, from its own settings
(HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_OFFLINE and so on).  It takes most of a second
to import: modules here are imported where they are needed.
"""
