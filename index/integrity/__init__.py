"""Whether a store still holds what it held: counts that runs left behind, a reading of every table, repairs."""
