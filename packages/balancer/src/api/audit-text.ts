/** Entries of the audit log as lines for the operator. Pure. */
import type { AuditEntry } from '@weir/http/auth';

const words: Readonly<Record<AuditEntry['event'], string>> = {
  request: 'asks',
  login_failed: 'has a wrong token',
  blocked: 'is blocked after too many wrong tokens',
  refused: 'is refused',
  token_added: 'adds a token',
  token_removed: 'removes a token',
};

/** A line such as `ops at 192.0.2.7 asks: POST /api/v1/drain: 200`. */
export function auditText(entry: AuditEntry): string {
  const { event, kind, count, address, principal, method, path, status, detail } = entry;
  const who = [principal, address].filter((part) => part !== undefined).join(' at ');
  const more = [
    ...(method === undefined ? [] : [`${method} ${path ?? ''}`]),
    ...(status === undefined ? [] : [String(status)]),
    ...(kind === undefined ? [] : [kind]),
    ...(detail === undefined ? [] : [detail]),
    ...(count === undefined ? [] : [`${count} times`]),
  ];
  return `${who || 'somebody'} ${words[event]}${more.length === 0 ? '' : `: ${more.join(': ')}`}`;
}
