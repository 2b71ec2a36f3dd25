"""Names, the attributes whose values come from the data: which character a picture shows, and from which work."""
