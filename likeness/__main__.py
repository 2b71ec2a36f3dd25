"""``python -m likeness``, and the command ``likeness``: one address for the checkout and for the wheel."""

from __future__ import annotations

from ui.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
