// The template tag escapes whatever is not its own, in text and in attributes.
import { expect, test } from 'vitest';
import { escapeText, html, Markup, safeImage } from './markup.ts';

test('text and attributes are escaped, markup is not escaped twice', () => {
  const hostile = `"><script>alert('x')</script>&`;
  const inner = html`<b title="${hostile}">${hostile}</b>`;
  const escaped = '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;';
  expect(html`<p>${inner}</p>`.text).toBe(`<p><b title="${escaped}">${escaped}</b></p>`);
});

test('lists are joined; undefined, false and empty lists leave no trace; zero stays', () => {
  expect(html`<p>${[1, '<', html`<i></i>`]}${undefined}${false}${[]}${0}</p>`.text).toBe(
    '<p>1&lt;<i></i>0</p>',
  );
});

test('what was read from a file cannot pass as markup', () => {
  const forged = JSON.parse('{"text":"<script>"}');
  expect(forged instanceof Markup).toBe(false);
  expect(() => html`${forged}`).toThrow();
});

test('controls, lone surrogates and direction overrides become visible', () => {
  expect(escapeText('a\u0000b\u202ec\ud800d\u001b[31me')).toBe('a\ufffdb\ufffdc\ufffdd\ufffd[31me');
  expect(escapeText('line\n\ttab 😀 é')).toBe('line\n\ttab 😀 é');
});

test('only bitmaps inside the page are images', () => {
  const good = 'data:image/png;base64,iVBORw0KGgo=';
  expect(safeImage(good)).toBe(good);
  for (const bad of [
    'https://example.com/x.png',
    'javascript:alert(1)',
    'data:image/svg+xml;base64,PHN2Zz4=',
    'data:text/html;base64,PHA+',
    `${good}" onerror="alert(1)`,
    'data:image/png,raw',
  ]) {
    expect(safeImage(bad)).toBeUndefined();
  }
});
