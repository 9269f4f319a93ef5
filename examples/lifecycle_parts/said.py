"""What only people can say of the two models: the rest of their cards is written by tools."""

CLASSIFIER = {
    "model_details": {
        "name": "scene-classifier",
        "overview": "Tells seven kinds of outdoor scene apart.",
        "description": "From 18 measures of a region of a picture: brick face, sky, foliage, cement, "
        "window, path or grass. Retrained by itself after its camera got a grey filter.",
        "owners": [{"name": "camera team", "contact": "cameras@example.org"}],
        "licenses": [{"identifier": "MIT"}],
    },
    "considerations": {
        "use_cases": [{"description": "Sorting the pictures of one fixed outdoor camera."}],
        "prohibited_uses": [{"description": "Deciding where a vehicle may drive."}],
        "limitations": [{"description": "Seven hand-picked pictures from the year 1990."}],
        "human_oversight": "The camera team is told of each retraining and promotion.",
    },
}
DETECTOR = {
    "model_details": {
        "overview": "Finds circles, squares and triangles in drawn pictures.",
        "description": "A compact YOLOv3, trained on drawn pictures and then on attacked ones.",
        "version": {"name": "1"},
        "owners": [{"name": "camera team", "contact": "cameras@example.org"}],
        "licenses": [{"identifier": "MIT"}],
        "status": "approved",
        "risk": {"rating": "low", "explanation": "It is an example, and used for nothing else."},
    },
    "model_parameters": {
        "task": "detection",
        "model_architecture": "YOLOv3 of two scales",
        "input_format": "RGB pictures of 96 by 96 pixels, values from 0 to 1.",
        "output_format": "Boxes in pixels, each with a class and a score from 0 to 1.",
        "data": [
            {"name": "Shapes", "role": "training", "description": "2,000 pictures, drawn by seed."},
            {"name": "Shapes", "role": "testing", "description": "Others, drawn by another seed."},
        ],
    },
    "considerations": {
        "users": [{"description": "Readers of the example."}],
        "use_cases": [{"description": "Showing what an attack does, and what hardening is worth."}],
        "prohibited_uses": [{"description": "Any picture that was not drawn."}],
        "limitations": [{"description": "It has seen changes of at most 8 of 255 grey levels."}],
        "tradeoffs": [{"description": "Some precision on clean pictures, for more under attack."}],
    },
}
