"""Work in the background: jobs that wait in line, one after the other on one store, and outlive the worker."""
