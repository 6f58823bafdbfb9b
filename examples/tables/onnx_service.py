"""
A service that reads raw rows
=============================

A fit becomes one file of ONNX. A service answers requests with it: it reads the raw row
and needs neither this package nor scikit-learn, only ONNX Runtime. Needs the extra
``onnx``, and onnxruntime.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd

from mlp_estimator import TabularMLPClassifier
from mlp_estimator.onnx import to_onnx

# %%
# Passengers with text and missing values, and a fit.

rng = np.random.default_rng(0)
passengers = pd.DataFrame(
    {
        "age": rng.integers(1, 80, 400).astype(float),
        "sex": rng.choice(["m", "f"], 400),
        "port": rng.choice(["Cork", "Dover", None], 400),
    }
)
passengers.loc[::9, "age"] = np.nan
chance = np.where(passengers["sex"] == "f", 0.8, 0.3)
survived = np.where(rng.random(400) < chance, "yes", "no")
model = TabularMLPClassifier(preset="fast", random_state=0).fit(passengers, survived)
folder = Path(tempfile.mkdtemp())
graph = to_onnx(model, passengers[:1])
(folder / "model.onnx").write_bytes(graph.SerializeToString())
print(f"{(folder / 'model.onnx').stat().st_size / 1e6:.1f} MB")

# %%
# The whole service. Missing text is "", a missing number is NaN.

SERVICE = """
import http.server
import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])


def column(tensor, value):
    if tensor.type == "tensor(string)":
        return np.array([["" if value is None else value]], dtype=object)
    return np.array([[np.nan if value is None else value]], dtype=np.float64)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        inputs = {one.name: column(one, row[one.name]) for one in session.get_inputs()}
        label, probability = session.run(["label", "probabilities"], inputs)
        answer = {"label": str(label[0]), "probabilities": probability[0].tolist()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        pass


assert not {"mlp_estimator", "sklearn"} & set(sys.modules)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
(folder / "service.py").write_text(SERVICE)

# %%
# It runs in a process of its own, and answers as the estimator does.

service = subprocess.Popen(
    [sys.executable, str(folder / "service.py"), str(folder / "model.onnx")],
    stdout=subprocess.PIPE,
    text=True,
)
port = int(service.stdout.readline())
for row in (
    {"age": 30, "sex": "f", "port": None},
    {"age": None, "sex": "m", "port": "?"},
):
    body = json.dumps(row).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}", body) as response:
        answer = json.load(response)
    expected = model.predict_proba(pd.DataFrame([row]).astype({"age": float}))[0]
    print(row, answer["label"], np.round(answer["probabilities"], 3), expected.round(3))
    assert np.allclose(answer["probabilities"], expected, atol=1e-5)
service.terminate()
service.wait()
