"""Charts as pure computation: numbers in, rows of (text, tone) runs out. No Textual, no numpy: both cost start-up.

`smooth` the data, `scale` the axes and their labels, `raster` the dots, `figure` a whole chart, `view` zoom and pan.
"""
