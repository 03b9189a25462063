// HTML and SVG as a template tag that escapes everything put into it. What is not `Markup` is text, wherever it comes
// from; nothing read from a file can be `Markup`, since it is a class and not a shape.

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `undefined`, `false` and empty lists leave no trace. */
export type Content = Markup | string | number | false | undefined | readonly Content[];

/** `` html`<td title="${untrusted}">${untrusted}</td>` ``: attributes must be quoted. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const parts = strings.map((literal, index) => literal + render(values[index]));
  return new Markup(parts.join(''));
}

function render(content: Content): string {
  if (content === undefined || content === false) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'string') return escapeText(content);
  if (typeof content === 'number') return escapeText(String(content));
  return content.map(render).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Text for element content and quoted attributes. Controls that HTML forbids and marks that turn the direction of the
 * text around them (a prediction could make a wrong answer read as the right one) are replaced visibly.
 */
export function escapeText(text: string): string {
  return (
    text
      .replace(/\p{Surrogate}/gu, '\ufffd')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is to be found
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
      .replace(/[&<>"']/g, (character) => entities[character] ?? '')
  );
}

/** An image that a page may hold: a base64 `data:` URL of a bitmap format. Anything else is not shown. */
export function safeImage(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  return /^data:image\/(?:png|jpeg|webp|gif|avif);base64,[A-Za-z0-9+/]+={0,2}$/.test(url) ? url : undefined;
}
