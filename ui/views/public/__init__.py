"""The page for visitors whom nobody knows."""
