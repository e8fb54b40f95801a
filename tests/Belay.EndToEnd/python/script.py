import json


def script(*turns):
    return json.dumps(turns)
