"""Predict an image: python predict.py IMAGE. Research software, not a medical device."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

if __name__ == "__main__":
    facts = json.loads((Path(__file__).parent / "preprocessing.json").read_text("utf-8"))
    try:
        image: Image.Image = Image.open(sys.argv[1])
    except (IndexError, OSError):
        sys.exit("usage: python predict.py IMAGE (PNG, JPEG or TIFF; convert DICOM first)")
    if image.mode[0] in "IF":
        sys.exit("error: an image of 8 bits is wanted: see gray in preprocessing.json")
    image, side = image.convert("RGB").convert("L"), facts["image_size"]
    for size in ((side, image.height), (side, side)):  # a side at a time, each with its own filter
        shrinks = size[0] < image.width or size[1] < image.height
        image = image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR)
    network = onnxruntime.InferenceSession(Path(__file__).parent / "model.onnx")
    found = network.run(None, {"pixels": np.asarray(image)[None]})[0]
    answer = dict(zip(facts["classes"], found[0].tolist(), strict=True))
    called = [name for name, least in facts["thresholds"].items() if answer[name] >= least]
    if not called and facts["graph"]["activation"] == "softmax":
        called = [facts["classes"][0 if facts["thresholds"] else found[0].argmax()]]
    facts = {"probabilities": answer, "called": called, "notice": facts["notice"]}
    print(json.dumps(facts, indent=2))
