"""What people start and look at: the command line, the flow in order, the demo, the review page."""
