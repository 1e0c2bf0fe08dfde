"""What the engine runs on a document, in Painless: the version compare that makes order and repetition harmless.

A product has two writers. Catalog's writes all but the stock and carries the known stock over; inventory's
writes the stock alone, each SKU by its own version. An older version changes nothing.
"""

PUT = """
if (ctx._source.version != null && ctx._source.version >= params.document.version) { ctx.op = 'none'; return; }
Map before = new HashMap();
if (ctx._source.variants != null) { for (def one : ctx._source.variants) { before.put(one.sku, one); } }
ctx._source.clear();
ctx._source.putAll(params.document);
if (ctx._source.variants != null) {
  boolean inStock = false;
  for (def one : ctx._source.variants) {
    def known = before.get(one.sku);
    if (known != null) { one.in_stock = known.in_stock; one.stock_version = known.stock_version; }
    if (one.in_stock) { inStock = true; }
  }
  ctx._source.in_stock = inStock;
}
"""

SHOW_STOCK = """
if (ctx._source.variants == null) { ctx.op = 'none'; return; }
boolean changed = false;
boolean inStock = false;
for (def one : ctx._source.variants) {
  def told = params.stock.get(one.sku);
  if (told != null && told.version > one.stock_version) {
    one.in_stock = told.in_stock;
    one.stock_version = told.version;
    changed = true;
  }
  if (one.in_stock) { inStock = true; }
}
if (!changed) { ctx.op = 'none'; return; }
ctx._source.in_stock = inStock;
"""
