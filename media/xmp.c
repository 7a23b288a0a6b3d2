/* The XMP packet (Adobe XMP specification part 1; IPTC Photo Metadata 2021.1 for DigitalSourceType). */
#include "media/provenance.h"

#include "engine/base/mem.h"

#include <stdio.h>
#include <string.h>

/* XML text: the five entities; control characters, which XML has no way to write, become spaces. */
static size_t escape(const char *s, char *out) {
  size_t n = 0;
  for (; *s; s++) {
    char c[2] = {(unsigned char)*s < 0x20 ? ' ' : *s, 0};
    const char *as = *s == '&' ? "&amp;" : *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '"' ? "&quot;" : c;
    size_t k = strlen(as);
    if (out) memcpy(out + n, as, k);
    n += k;
  }
  if (out) out[n] = 0;
  return n;
}

char *kl_xmp_packet(const KlMediaTags *tags) {
  static const char head[] = "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
                             "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
                             " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
                             "  <rdf:Description rdf:about=\"\"\n"
                             "    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n"
                             "    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n"
                             "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n"
                             "   <xmp:CreatorTool>Kinoloom " KL_VERSION "</xmp:CreatorTool>\n";
  static const char mark[] =
      "   <Iptc4xmpExt:DigitalSourceType>" KL_DIGITAL_SOURCE_TYPE "</Iptc4xmpExt:DigitalSourceType>\n";
  static const char title_head[] = "   <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">";
  static const char title_tail[] = "</rdf:li></rdf:Alt></dc:title>\n";
  static const char tail[] = "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>";
  const char *title = tags && tags->title ? tags->title : "";
  size_t need = sizeof head + sizeof mark + sizeof title_head + sizeof title_tail + sizeof tail;
  if (!kl_size_add(need, escape(title, NULL), &need)) return NULL;
  char *s = kl_alloc(need, 1);
  if (!s) return NULL;
  char *p = stpcpy(s, head);
  if (tags && tags->synthetic) p = stpcpy(p, mark);
  if (*title) {
    p = stpcpy(p, title_head);
    p += escape(title, p);
    p = stpcpy(p, title_tail);
  }
  stpcpy(p, tail);
  return s;
}
