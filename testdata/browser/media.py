"""Records a run with every kind of value that is not a plain number: python3 media.py, in a project."""

import gitruns

WIDTH, HEIGHT = 32, 24

with gitruns.init(name="media", config={"lr": 0.1}) as run:
    for step in range(6):
        pixels = [[(x * 8 + step * 40) % 256 for x in range(WIDTH)] for _ in range(HEIGHT)]
        mask = [[1 if x > 16 and y > 8 else 0 for x in range(WIDTH)] for y in range(HEIGHT)]
        box = {
            "position": {"minX": 0.1, "minY": 0.2, "maxX": 0.5, "maxY": 0.6},
            "class_id": 1,
            "box_caption": "0.9",
        }
        labels = {0: "background", 1: "bird"}
        run.log(
            {
                "loss": 1 / (step + 1),
                "samples": gitruns.Image(
                    pixels,
                    caption=f"picture of step {step}",
                    masks={"truth": {"mask_data": mask, "class_labels": labels}},
                    boxes={"found": {"box_data": [box], "class_labels": labels}},
                ),
                "weights": gitruns.Histogram([i * (step + 1) / 100 for i in range(100)]),
                "predictions": gitruns.Table(
                    columns=["bird", "mass"],
                    data=[["Adelie", 3750 + step], ["Gentoo", 1], ["<b>Chinstrap</b>", None]],
                ),
                "answer": f"text of step {step}",
                "report": gitruns.Html(f"<h1>report of step {step}</h1><script>parent.owned = 1</script>"),
            },
            step=step,
        )
    with open("notes.txt", "w") as file:
        file.write("first try\n" * 3)
    run.save("notes.txt")
    print("the last line of the log")
