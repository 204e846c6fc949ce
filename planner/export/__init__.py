"""Plan → what runs it: engine commands, manifests, gateways, variables. Like reports, exports compute nothing."""
