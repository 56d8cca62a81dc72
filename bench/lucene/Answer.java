import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.store.FSDirectory;

/**
 * Answers queries of an index that {@link Load} has made, one thread, and says how long each took.
 *
 * <p>Arguments: folder. Then lines of standard input, each answered by one line:
 *
 * <pre>
 *   add CLASS COLUMNS       remember a query of a class: see {@link Case}; answers "ok"
 *   warm CLASS SECONDS      run the class over and over, until the compiler has seen enough; answers "ok"
 *   rows CLASS              run each query once: its ten best rows, or its buckets; "nanoseconds:processor nanoseconds" each
 *   ids CLASS               the same, with the ids of the rows
 *   count CLASS             how many documents match all queries together
 *   best CLASS              ids of each query's rows, queries apart by "|"
 *   segments                how many there are
 * </pre>
 */
final class Answer {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private final IndexSearcher searcher;
  private final Map<String, List<Case>> classes = new HashMap<>();
  private long kept; // what queries answer is added up here, so that no work can be left out

  private Answer(IndexSearcher searcher) {
    this.searcher = searcher;
  }

  public static void main(String[] arguments) throws IOException {
    try (var reader = DirectoryReader.open(FSDirectory.open(Path.of(arguments[0])))) {
      var answer = new Answer(new IndexSearcher(reader));
      var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        System.out.println(answer.answer(line.split("\t", -1)));
      }
      System.err.println("lucene: answers added up to " + answer.kept);
    }
  }

  private String answer(String[] words) throws IOException {
    if (words[0].equals("segments")) {
      return Integer.toString(searcher.getIndexReader().leaves().size());
    }
    var cases = classes.computeIfAbsent(words[1], name -> new ArrayList<>());
    switch (words[0]) {
      case "add" -> cases.add(new Case(decoded(words)));
      case "warm" -> warm(cases, Double.parseDouble(words[2]));
      case "rows", "ids" -> {
        return timed(cases, words[0].equals("ids"));
      }
      case "count" -> {
        long found = 0;
        for (var one : cases) {
          found += searcher.count(one.query());
        }
        return Long.toString(found);
      }
      case "best" -> {
        var all = new ArrayList<String>();
        for (var one : cases) {
          all.add(String.join(" ", one.ids(searcher)));
        }
        return String.join("|", all);
      }
      default -> throw new IllegalArgumentException(words[0]);
    }
    return "ok";
  }

  private void warm(List<Case> cases, double seconds) throws IOException {
    long end = System.nanoTime() + (long) (seconds * 1e9);
    while (System.nanoTime() < end) {
      for (var one : cases) {
        kept += one.rows(searcher);
        kept += one.ids(searcher).size();
      }
    }
  }

  private String timed(List<Case> cases, boolean ids) throws IOException {
    var times = new ArrayList<String>();
    for (var one : cases) {
      long cpu = THREADS.getCurrentThreadCpuTime();
      long begin = System.nanoTime();
      kept += ids ? one.ids(searcher).size() : one.rows(searcher);
      long wall = System.nanoTime() - begin;
      times.add(wall + ":" + (THREADS.getCurrentThreadCpuTime() - cpu));
    }
    return String.join(" ", times);
  }

  private static String[] decoded(String[] words) {
    var columns = new String[words.length - 2];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = URLDecoder.decode(words[i + 2], StandardCharsets.UTF_8);
    }
    return columns;
  }
}
