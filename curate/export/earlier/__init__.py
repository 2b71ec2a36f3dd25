"""Earlier exports: compared with others, and made again from the tables as they were."""
