import java.io.IOException;
import org.apache.lucene.document.LongPoint;
import org.apache.lucene.index.DocValues;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.PointValues;
import org.apache.lucene.index.SortedNumericDocValues;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.SimpleCollector;

/** A histogram of fixed width: the range of buckets is known from the points, so each is a place in an array. */
final class Histogram extends SimpleCollector {
  private final String field;
  private final long width;
  private final long first;
  private final int[] counts;
  private SortedNumericDocValues values;

  private Histogram(String field, long width, long first, long last) {
    this.field = field;
    this.width = width;
    this.first = first;
    this.counts = new int[(int) (last - first) + 1];
  }

  /** How many buckets are not empty. */
  @SuppressWarnings("deprecation") // one thread, one collector
  static long over(IndexSearcher searcher, Query query, String field, long width) throws IOException {
    byte[] least = PointValues.getMinPackedValue(searcher.getIndexReader(), field);
    if (least == null) {
      return 0;
    }
    long low = LongPoint.decodeDimension(least, 0);
    long high = LongPoint.decodeDimension(PointValues.getMaxPackedValue(searcher.getIndexReader(), field), 0);
    var collector = new Histogram(field, width, Math.floorDiv(low, width), Math.floorDiv(high, width));
    searcher.search(query, collector);
    long found = 0;
    for (int count : collector.counts) {
      found += count > 0 ? 1 : 0;
    }
    return found;
  }

  @Override
  protected void doSetNextReader(LeafReaderContext context) throws IOException {
    values = DocValues.getSortedNumeric(context.reader(), field);
  }

  @Override
  public void collect(int document) throws IOException {
    if (values.advanceExact(document)) {
      counts[(int) (Math.floorDiv(values.nextValue(), width) - first)]++;
    }
  }

  @Override
  public ScoreMode scoreMode() {
    return ScoreMode.COMPLETE_NO_SCORES;
  }
}
