// What a service tells besides its pools: sites and where they listen, certificates, the last reload, faults, the log; and a table for any
// further section of the status that is a list (threads), which shows by itself once it is there.

import type { Json, JsonObject } from '../../../src/admin/merge-patch.ts';
import type { Service } from './arrived.ts';
import { clockTime, formatCount, formatDay, formatDuration, formatSize } from './format.ts';
import { type Column, Table } from './table.tsx';

/** Sections that are shown in another way. */
const known: ReadonlySet<string> = new Set(['listeners', 'pools', 'notReady', 'answers', 'certificates']);

export function Sections({ view, at }: { readonly view: Service; readonly at: number }) {
  const further = Object.entries(view as unknown as JsonObject).filter(
    ([name, value]) => !known.has(name) && isTable(value),
  );
  return (
    <section aria-labelledby="service-title">
      <h2 id="service-title">Service</h2>
      <Facts view={view} />
      <Sites view={view} />
      {view.certificates.length > 0 && <Certificates view={view} at={at} />}
      {further.map(([name, rows]) => (
        <Further key={name} name={name} rows={rows as readonly JsonObject[]} />
      ))}
    </section>
  );
}

function Facts({ view }: { readonly view: Service }) {
  const { config, lastReload, faults, log, answers } = view;
  const codes = Object.entries(answers).map(([code, count]) => `${code}: ${formatCount(count)}`);
  const reload = lastReload == null ? '' : `${clockTime(lastReload.at)} ${lastReload.message}`;
  const facts: readonly (readonly [name: string, value: string, isBad: boolean])[] = [
    ['configuration', config ?? '', false],
    ['last reload', reload, lastReload?.ok === false],
    [
      'faults',
      faults.last == null ? '' : `${faults.count}; the last in ${faults.last.where}: ${faults.last.message}`,
      true,
    ],
    [
      'log',
      log?.trouble == null ? '' : `cannot be written: ${log.trouble}, ${formatCount(log.lostLines)} lines lost`,
      true,
    ],
    ['answers', codes.join(' · '), false],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== '')
        .map(([name, value, isBad]) => (
          <div key={name} class={isBad ? 'bad' : ''}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Sites({ view }: { readonly view: Service }) {
  type Listener = Service['listeners'][number];
  const columns: Column<Listener>[] = [
    { title: 'site', of: ({ site }) => site },
    { title: 'address', of: ({ url, address }) => (url == null ? address : <a href={url}>{url}</a>) },
    { title: 'root', of: ({ root }) => root ?? '–', isLong: true },
  ];
  const keyOf = ({ site, address }: Listener): string => `${site} ${address}`;
  return <Table caption="Sites" columns={columns} rows={view.listeners} keyOf={keyOf} none="It listens nowhere." />;
}

/** A certificate that has not been renewed by then is looked at. */
const soonMs = 14 * 86_400_000;

function Certificates({ view, at }: { readonly view: Service; readonly at: number }) {
  type Certificate = Service['certificates'][number];
  const columns: Column<Certificate>[] = [
    { title: 'site', of: ({ site }) => site },
    { title: 'names', of: ({ names }) => names.join(', '), isLong: true },
    { title: 'expires', of: ({ expiresAt }) => <Expiry leftMs={expiresAt - at} expiresAt={expiresAt} /> },
    { title: 'from', of: ({ from }) => from, isLong: true },
    { title: 'issuer', of: ({ issuer }) => issuer },
    { title: 'SHA-256', of: ({ fingerprint }) => `${fingerprint.slice(0, 16)}…` },
  ];
  if (view.certificates.some(({ trouble }) => trouble != null)) {
    columns.splice(3, 0, {
      title: 'trouble',
      of: ({ trouble }) => <span class={trouble == null ? '' : 'hot'}>{trouble ?? '–'}</span>,
      isLong: true,
    });
  }
  const keyOf = ({ site, name, fingerprint }: Certificate): string => `${site} ${name} ${fingerprint}`;
  return <Table caption="Certificates" columns={columns} rows={view.certificates} keyOf={keyOf} none="None." />;
}

function Expiry({ expiresAt, leftMs }: { readonly expiresAt: number; readonly leftMs: number }) {
  const left = leftMs > 0 ? `in ${formatDuration(leftMs)}` : `${formatDuration(-leftMs)} ago`;
  return (
    <span class={leftMs < soonMs ? 'hot' : ''}>
      {formatDay(expiresAt)} ({left})
    </span>
  );
}

function Further({ name, rows }: { readonly name: string; readonly rows: readonly JsonObject[] }) {
  const titles = [...new Set(rows.flatMap((row) => Object.keys(row).filter((key) => !isDeep(row[key]))))];
  const columns = titles.map((title): Column<JsonObject> => {
    const isNumber = rows.every((row) => row[title] == null || typeof row[title] === 'number');
    return { title: wordsOf(title), of: (row) => shown(title, row[title]), isNumber };
  });
  const keyed = rows.map((row, index) => ({ ...row, [rowKey]: index }));
  return (
    <Table
      caption={capital(wordsOf(name))}
      columns={columns}
      rows={keyed}
      keyOf={(row) => String(row[rowKey])}
      none="None."
    />
  );
}

const rowKey = ' row';

/** Whether a section is a list of rows. */
function isTable(value: Json | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row))
  );
}

const isDeep = (value: Json | undefined): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !(Array.isArray(value) && value.every((one) => typeof one !== 'object'));

/** "eventLoopDelayMs" -> "event loop delay": the unit is told with the value. */
function wordsOf(name: string): string {
  const words = name.replace(/(?:Ms|Bytes|At)$/, '').replace(/([a-z])([A-Z])/g, '$1 $2');
  return words.toLowerCase();
}

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

function shown(name: string, value: Json | undefined): string {
  if (value == null) return '–';
  if (Array.isArray(value)) return value.map(String).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'number') return String(value);
  if (name.endsWith('Ms')) return formatDuration(value);
  if (name.endsWith('Bytes')) return formatSize(value);
  if (/At$|^at$/.test(name) && value > 1e11) return new Date(value).toLocaleString('en-GB');
  return Number.isInteger(value) ? formatCount(value) : value.toFixed(2);
}
