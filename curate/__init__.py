"""Between the labelled store and the finished data set: measures, gates, selection, captions, transforms, export."""
