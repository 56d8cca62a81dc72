import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.DoubleField;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.LongField;
import org.apache.lucene.document.SortedDocValuesField;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.util.BytesRef;

/**
 * Index documents that arrive on standard input, as the mapping of the other sides says: text with positions and norms,
 * keywords raw with a column, numbers as points and columns, the source stored.
 *
 * <p>Arguments: folder, "merged" or "as-loaded", then name:kind of every field. A document is, field by field, a length (int,
 * -1: no value) and so many bytes of UTF-8; then its source likewise. Numbers are decimal text.
 */
final class Load {
  private static final double BUFFER_MB = 64;

  public static void main(String[] arguments) throws IOException {
    var config = new IndexWriterConfig(new StandardAnalyzer()).setRAMBufferSizeMB(BUFFER_MB);
    try (var directory = FSDirectory.open(Path.of(arguments[0]));
        var writer = new IndexWriter(directory, config);
        var in = new DataInputStream(new BufferedInputStream(System.in, 1 << 20))) {
      long documents = 0;
      while (add(writer, in, arguments)) {
        documents++;
      }
      if (arguments[1].equals("merged")) {
        writer.forceMerge(1);
      }
      writer.commit();
      System.out.println(documents);
    }
  }

  /** Adds the next document; false at the end of the input. */
  private static boolean add(IndexWriter writer, DataInputStream in, String[] arguments) throws IOException {
    var document = new Document();
    for (int number = 2; number < arguments.length; number++) {
      byte[] value;
      try {
        value = value(in);
      } catch (EOFException end) {
        if (number == 2) {
          return false;
        }
        throw end;
      }
      if (value != null) {
        int colon = arguments[number].lastIndexOf(':');
        fill(document, arguments[number].substring(0, colon), arguments[number].substring(colon + 1), value);
      }
    }
    document.add(new StoredField("_source", new BytesRef(value(in))));
    writer.addDocument(document);
    return true;
  }

  private static void fill(Document document, String name, String kind, byte[] value) {
    String text = new String(value, StandardCharsets.UTF_8);
    switch (kind) {
      case "key" -> document.add(new StringField("_id", text, Field.Store.YES));
      case "text" -> document.add(new TextField(name, text, Field.Store.NO));
      case "keyword" -> {
        document.add(new StringField(name, text, Field.Store.NO));
        document.add(new SortedDocValuesField(name, new BytesRef(text)));
      }
      case "float" -> document.add(new DoubleField(name, Double.parseDouble(text), Field.Store.NO));
      default -> document.add(new LongField(name, Long.parseLong(text), Field.Store.NO));
    }
  }

  private static byte[] value(DataInputStream in) throws IOException {
    int length = in.readInt();
    return length < 0 ? null : in.readNBytes(length);
  }
}
