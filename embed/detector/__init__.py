"""How the bundled detector of faces, heads and persons was made: drawn scenes whose boxes are known, a small network.

    python -m embed.detector train FOLDER      draw, train, keep checkpoints; run again, it goes on
    python -m embed.detector export FOLDER     write FOLDER/likeness-people.onnx

What runs it is ``curate/models/detector.py``.
"""
