"""The words of Likeness: ids, table schemas, records, settings, the attribute vocabulary, errors."""
