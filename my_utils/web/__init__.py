"""The page that needs no server: a generator and its head in one HTML file.

Read onnx_export and onnx_generator (the generator as ONNX, written and run) and description (what
is said about it); then weights, head, licence, settings and bundle, which payload puts together;
page and adjustment_page are the two pages made of it. javascript/ draws the faces, in modules named
like those of model/.
"""
