// BERT's tokenizer for lower-cased English models: text to ids by the lines of vocab.txt. As transformers' BertTokenizer.

const LONGEST_WORD = 100;

/** Whitespace and what is alone: punctuation (ASCII signs too), CJK characters. */
const alone = /[\p{P}$+<=>^`|~\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/u;

function words(text) {
  const plain = text.replace(/[\t\n\r]/g, " ").replace(/[\p{Cc}\p{Cf}\p{Co}\ufffd]/gu, "").toLowerCase().normalize("NFD").replace(/\p{Mn}/gu, "");
  return [...plain].map((c) => (alone.test(c) ? ` ${c} ` : c)).join("").split(/\s+/u).filter(Boolean);
}

export class WordPiece {
  constructor(vocabulary) {
    this.ids = new Map(vocabulary.split("\n").map((token, id) => [token.trimEnd(), id]));
    for (const token of ["[CLS]", "[SEP]", "[UNK]"]) if (!this.ids.has(token)) throw new Error(`the vocabulary has no ${token}`);
  }

  /** The longest pieces from the left; a word that is not made of pieces is unknown. */
  #pieces(word) {
    const pieces = [], characters = [...word];
    if (characters.length > LONGEST_WORD) return [this.ids.get("[UNK]")];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length, id;
      for (; end > start && id === undefined; end--) id = this.ids.get((start > 0 ? "##" : "") + characters.slice(start, end).join(""));
      if (id === undefined) return [this.ids.get("[UNK]")];
      pieces.push(id);
      start = end + 1;
    }
    return pieces;
  }

  /** [CLS] text [SEP], at most `most` ids. */
  encode(text, most) {
    const inside = words(text).flatMap((word) => this.#pieces(word)).slice(0, most - 2);
    return [this.ids.get("[CLS]"), ...inside, this.ids.get("[SEP]")];
  }
}
