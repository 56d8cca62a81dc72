import java.io.IOException;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.lucene.index.DocValues;
import org.apache.lucene.index.IndexReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.MultiDocValues;
import org.apache.lucene.index.MultiDocValues.MultiSortedDocValues;
import org.apache.lucene.index.OrdinalMap;
import org.apache.lucene.index.SortedDocValues;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.SimpleCollector;
import org.apache.lucene.util.LongValues;

/** A terms aggregation as OpenSearch makes it: a counter per ordinal over all segments, then the largest, by name. */
final class Ordinals extends SimpleCollector {
  private static final Map<String, SortedDocValues> GLOBAL = new ConcurrentHashMap<>();
  private final String field;
  private final OrdinalMap map; // null: one segment, whose ordinals are the global ones
  private final int[] counts;
  private SortedDocValues values;
  private LongValues global;

  private Ordinals(String field, OrdinalMap map, int size) {
    this.field = field;
    this.map = map;
    this.counts = new int[size];
  }

  /** Counts of the largest buckets of what the query matches; their names are read too. */
  @SuppressWarnings("deprecation") // one thread, one collector
  static long[] largest(IndexSearcher searcher, Query query, String field, int size) throws IOException {
    var all = global(searcher.getIndexReader(), field);
    var collector = new Ordinals(field, all instanceof MultiSortedDocValues many ? many.mapping : null, all.getValueCount());
    searcher.search(query, collector);
    return collector.best(all, size);
  }

  private static SortedDocValues global(IndexReader reader, String field) throws IOException {
    var known = GLOBAL.get(field); // the map from segments' ordinals to global ones is kept, as OpenSearch keeps it
    if (known == null || !(known instanceof MultiSortedDocValues)) {
      known = MultiDocValues.getSortedValues(reader, field);
      GLOBAL.put(field, known);
    }
    return known;
  }

  private long[] best(SortedDocValues all, int size) throws IOException {
    var queue = new PriorityQueue<long[]>((a, b) -> a[0] != b[0] ? Long.compare(a[0], b[0]) : Long.compare(b[1], a[1]));
    for (int ordinal = 0; ordinal < counts.length; ordinal++) {
      if (counts[ordinal] > 0 && (queue.size() < size || counts[ordinal] > queue.peek()[0])) {
        queue.add(new long[] {counts[ordinal], ordinal});
        if (queue.size() > size) {
          queue.poll();
        }
      }
    }
    var found = new long[queue.size()];
    for (int i = found.length - 1; i >= 0; i--) {
      var bucket = queue.poll();
      found[i] = bucket[0] + (all.lookupOrd((int) bucket[1]).length >> 20);
    }
    return found;
  }

  @Override
  protected void doSetNextReader(LeafReaderContext context) throws IOException {
    values = DocValues.getSorted(context.reader(), field);
    global = map == null ? null : map.getGlobalOrds(context.ord);
  }

  @Override
  public void collect(int document) throws IOException {
    if (values.advanceExact(document)) {
      int ordinal = values.ordValue();
      counts[global == null ? ordinal : (int) global.get(ordinal)]++;
    }
  }

  @Override
  public ScoreMode scoreMode() {
    return ScoreMode.COMPLETE_NO_SCORES;
  }
}
