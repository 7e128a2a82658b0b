"""The page that needs no server: a generator and its head in one HTML file.

Read onnx_export (the generator as ONNX), head (the head's arrays, packed), licence (which heads may
go), settings (what the page is told) and page (the file); javascript/ draws the faces, in modules
named like those of model/.
"""
