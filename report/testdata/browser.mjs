// Opens a page in headless Chromium and prints what it saw as JSON.
// node browser.mjs CHROMIUM SCREENSHOTS PAGE OTHER...: of the other pages only that all charts are drawn
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const [executablePath, shots, page, ...others] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const saw = { errors: [], requests: [], wide: [], axe: [], others: {} };

async function open(options, at = page) {
  // axe is put into the page from outside, which the page's own policy would forbid.
  const context = await browser.newContext({ bypassCSP: true, ...options });
  const tab = await context.newPage();
  tab.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') saw.errors.push(m.text()); });
  tab.on('pageerror', e => saw.errors.push(e.message));
  tab.on('request', r => { if (r.url() !== 'file://' + at && !r.url().startsWith('data:')) saw.requests.push(r.url()); });
  await tab.goto('file://' + at);
  return tab;
}
const visible = (tab, selector) => tab.$$eval(selector, all => all.filter(e => e.getClientRects().length > 0).length);

// As people open it: policy and all.
let tab = await open({ viewport: { width: 1280, height: 900 }, bypassCSP: false });
saw.canvases = await visible(tab, '.live canvas');
saw.pictures = await visible(tab, '.svg > svg');
// Ink on the canvases: an empty one was not drawn.
saw.blank = await tab.$$eval('.live canvas', all => all.filter(c => {
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let painted = 0;
  for (let i = 3; i < d.length; i += 4) if (d[i]) painted++;
  return painted < 500;
}).length);
const first = tab.locator('#chart-rates .u-over').first();
await first.scrollIntoViewIfNeeded();
const box = await first.boundingBox();
await tab.mouse.move(box.x + box.width * 0.35, box.y + box.height / 2);
await tab.waitForTimeout(100);
saw.hover = await tab.$$eval('#chart-rates .readout', all => all.map(e => e.textContent));
saw.elsewhere = await tab.$$eval('#chart-latency .readout', all => all.map(e => e.textContent));
await tab.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
await tab.mouse.down();
await tab.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2, { steps: 4 });
await tab.mouse.up();
saw.zoomed = await visible(tab, '.whole:enabled');
await tab.locator('#chart-rates .canvas').first().focus();
await tab.keyboard.press('Escape');
saw.whole = await visible(tab, '.whole:enabled');
await tab.mouse.move(0, 0);
await tab.locator('#chart-rates .canvas').first().focus();
for (let i = 0; i < 3; i++) await tab.keyboard.press('ArrowRight');
saw.keyboard = await tab.locator('#chart-rates .readout').first().textContent();
const toggle = tab.locator('#chart-rates .bar button', { hasText: 'offered' });
await toggle.focus();
await tab.keyboard.press('Enter');
saw.off = await toggle.getAttribute('aria-pressed');
await tab.keyboard.press('Enter');
await tab.emulateMedia({ media: 'print' });
saw.printed = { canvases: await visible(tab, '.live canvas'), pictures: await visible(tab, '.svg > svg') };
await tab.context().close();

tab = await open({ viewport: { width: 1280, height: 900 }, javaScriptEnabled: false });
saw.scriptless = await visible(tab, '.svg > svg');
await tab.context().close();

for (const width of [390, 1280]) {
  for (const colorScheme of ['light', 'dark']) {
    tab = await open({ viewport: { width, height: 900 }, colorScheme });
    const scroll = await tab.evaluate(() => document.documentElement.scrollWidth);
    if (scroll > width) saw.wide.push(`${width} px: the page is ${scroll} px wide`);
    await tab.screenshot({ path: `${shots}/${width}-${colorScheme}.png`, fullPage: true });
    if ((width === 390) !== (colorScheme === 'dark')) { // axe takes seconds: each width and each scheme once
      await tab.context().close();
      continue;
    }
    for (const details of await tab.$$('details')) await details.evaluate(d => { d.open = true; });
    await tab.evaluate(axe);
    const found = await tab.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    for (const v of found.violations) {
      if (v.impact === 'serious' || v.impact === 'critical') saw.axe.push(`${width} px, ${colorScheme}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary).join(' | ')}`);
    }
    await tab.context().close();
  }
}
for (const other of others) {
  tab = await open({ viewport: { width: 1280, height: 900 }, bypassCSP: false }, other);
  saw.others[other] = await visible(tab, '.live canvas');
  await tab.context().close();
}
await browser.close();
console.log(JSON.stringify(saw));
