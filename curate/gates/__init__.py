"""Gates: rules with a reason that keep items out, flag them, or hold them back for a reviewer."""
