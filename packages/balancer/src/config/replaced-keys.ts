/** Keys of earlier versions by the keys that have replaced them. */
import type { ReplacedKeys } from '@weir/config';

export const replacedKeys: ReplacedKeys = { toldMtu: 'icmpMtu' };
