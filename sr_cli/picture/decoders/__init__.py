"""Files of one format each ─▶ what they say and how to decode their pixels."""
