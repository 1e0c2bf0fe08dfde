"""The parcel carrier: sells labels, prints them, and tells by webhook where a parcel is.

`api` is its HTTP door and its clock, `label` draws the PDF.
"""
