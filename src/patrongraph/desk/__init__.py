"""The circulation desk: lending, returning, reserving, charging and paying, each saying every reason why not."""
