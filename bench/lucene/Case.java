import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.lucene.document.LongField;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.FuzzyQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.Sort;
import org.apache.lucene.search.SortedNumericSelector;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.TopFieldCollectorManager;
import org.apache.lucene.search.TopScoreDocCollectorManager;
import org.apache.lucene.search.WildcardQuery;

/**
 * One query, made before the clock starts. Its columns are those of the Python class of the same name: how, field, words (apart
 * by spaces), filter field, value, range field, from, to, aggregated field, field and width of a histogram, field to sort by.
 */
final class Case {
  private static final int SIZE = 10; // rows wanted; totals are not counted beyond what they take
  private final Query query;
  private final String aggregate;
  private final String histogram;
  private final long width;
  private final String newest;

  Case(String[] columns) {
    query = query(columns);
    aggregate = columns[8];
    histogram = columns[9];
    width = columns[10].isEmpty() ? 0 : Long.parseLong(columns[10]);
    newest = columns[11];
  }

  Query query() {
    return query;
  }

  /** The best rows, or the buckets; a number that depends on them. */
  long rows(IndexSearcher searcher) throws IOException {
    if (!aggregate.isEmpty()) {
      return terms(searcher);
    }
    if (!histogram.isEmpty()) {
      return Histogram.over(searcher, query, histogram, width);
    }
    return best(searcher).length;
  }

  /** The ids of the best rows, from their stored fields; none for buckets. */
  List<String> ids(IndexSearcher searcher) throws IOException {
    var ids = new ArrayList<String>();
    if (aggregate.isEmpty() && histogram.isEmpty()) {
      var stored = searcher.storedFields();
      for (var hit : best(searcher)) {
        ids.add(stored.document(hit.doc, Set.of("_id")).get("_id"));
      }
    }
    return ids;
  }

  private ScoreDoc[] best(IndexSearcher searcher) throws IOException {
    if (!newest.isEmpty()) {
      var order = new Sort(LongField.newSortField(newest, true, SortedNumericSelector.Type.MAX));
      return searcher.search(query, new TopFieldCollectorManager(order, SIZE, null, SIZE)).scoreDocs;
    }
    return searcher.search(query, new TopScoreDocCollectorManager(SIZE, null, SIZE)).scoreDocs;
  }

  private long terms(IndexSearcher searcher) throws IOException {
    long found = 0;
    for (var bucket : Ordinals.largest(searcher, query, aggregate, SIZE)) {
      found += bucket;
    }
    return found;
  }

  private static Query query(String[] columns) {
    String field = columns[1];
    var clauses = new ArrayList<Query>();
    for (String word : columns[2].split(" ")) {
      clauses.add(clause(columns[0], new Term(field, word)));
    }
    if (columns[0].equals("phrase")) {
      return new PhraseQuery(field, columns[2].split(" "));
    }
    var whole = new BooleanQuery.Builder();
    var filters = filters(columns);
    var scored = combined(columns[0], clauses);
    if (filters.isEmpty()) {
      return scored;
    }
    whole.add(scored, Occur.MUST);
    filters.forEach(one -> whole.add(one, Occur.FILTER));
    return whole.build();
  }

  private static Query clause(String how, Term term) {
    return switch (how) {
      case "prefix" -> new PrefixQuery(term);
      case "wildcard" -> new WildcardQuery(term);
      case "fuzzy" -> new FuzzyQuery(term, 1, 0, 50, true);
      default -> new TermQuery(term);
    };
  }

  private static Query combined(String how, List<Query> clauses) {
    if (clauses.size() == 1) {
      return clauses.get(0);
    }
    var all = new BooleanQuery.Builder();
    clauses.forEach(one -> all.add(one, how.equals("or") ? Occur.SHOULD : Occur.MUST));
    return all.build();
  }

  private static List<Query> filters(String[] columns) {
    var filters = new ArrayList<Query>();
    if (!columns[3].isEmpty()) {
      filters.add(new TermQuery(new Term(columns[3], columns[4])));
    }
    if (!columns[5].isEmpty()) {
      filters.add(LongField.newRangeQuery(columns[5], Long.parseLong(columns[6]), Long.parseLong(columns[7])));
    }
    return filters;
  }
}
