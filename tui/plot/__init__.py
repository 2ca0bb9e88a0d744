"""Charts as pure computation: numbers in, rows of (text, tone) runs out. No Textual.

`series` the data and its smoothing, `scale` and `labels` the axes, `raster` the dots, `figure` a whole chart, `view`
zoom and pan. numpy costs start-up, so whoever draws the first frame imports `series` and `figure` only with data.
"""
