import type { TestDatabase } from './postgres';

/** What every policy of an organisation's table says, as PostgreSQL gives it back. */
const BOUND = '(org_id = ( SELECT herald_org() AS herald_org))';
/** The rights that policies bind. Another, as TRUNCATE, passes them by. */
const BOUND_RIGHTS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE']);

/**
 * What in the catalogue of a service's schema is not as row-level security needs it; an empty list is what a spec
 * expects. `workTables` are those whose rows are not an organisation's to see or hide, each for a reason that the
 * service's README gives.
 */
export async function rowLevelSecurityFaults(
  test: Pick<TestDatabase, 'asOwner'>,
  service: string,
  { workTables }: { workTables: readonly string[] },
): Promise<string[]> {
  const roles = { app: `herald_${service}_app`, worker: `herald_${service}_worker` };
  const relations = await relationsOf(test, service);
  const missing = workTables.filter((name) => !relations.some((relation) => relation.name === name));
  return [
    ...(await roleFaults(test, Object.values(roles))),
    ...missing.map((name) => `${name}: is said to be a work table and does not exist`),
    ...relations.flatMap((relation) => [
      ...shapeFaults(relation, roles, workTables),
      ...(relation.isPartition ? [] : rightFaults(relation, roles)),
    ]),
  ];
}

interface Roles {
  app: string;
  worker: string;
}

interface Relation {
  name: string;
  kind: 'table' | 'view' | 'materialized view';
  isPartition: boolean;
  /** Whether a view looks with the rights of who asks. */
  isInvoked: boolean;
  hasOrg: boolean;
  isForced: boolean;
  policies: Policy[];
  /** What roles besides the owner may do with it, or with a column of it. */
  rights: { role: string; right: string }[];
}

interface Policy {
  name: string;
  roles: string[];
  isPermissive: boolean;
  command: string;
  using: string | null;
  check: string | null;
}

function shapeFaults(relation: Relation, roles: Roles, workTables: readonly string[]): string[] {
  const { name, kind } = relation;
  if (kind === 'view') return relation.isInvoked ? [] : [`${name}: is a view by its owner's rights`];
  if (kind === 'materialized view') return [`${name}: is a materialized view, which has no row-level security`];
  if (name === 'migration' || workTables.includes(name)) return [];
  const forced = relation.isForced ? [] : [`${name}: row-level security is not enabled and forced`];
  return [...forced, ...(relation.isPartition ? partitionFaults(relation) : policyFaults(relation, roles))];
}

function partitionFaults({ name, rights, policies }: Relation): string[] {
  const faults: string[] = [];
  if (rights.length > 0) faults.push(`${name}: somebody has rights on a partition`);
  if (policies.length > 0) faults.push(`${name}: a partition has a policy of its own`);
  return faults;
}

function policyFaults({ name, hasOrg, policies }: Relation, { app, worker }: Roles): string[] {
  const faults: string[] = [];
  if (!hasOrg) faults.push(`${name}: has no org_id and is not among the work tables`);
  const bound = policies.filter((policy) => isBound(policy) && policy.command === '*' && policy.roles.includes(app));
  if (bound.length === 0) faults.push(`${name}: has no policy by herald_org()`);
  // Policies that permit add up: one that is not bound undoes all others. The worker alone may see all organisations.
  const open = policies.filter((policy) => policy.isPermissive && !isBound(policy));
  const others = open.filter((policy) => policy.roles.some((role) => role !== worker));
  return [...faults, ...others.map((policy) => `${name}: the policy ${policy.name} is not bound by herald_org()`)];
}

/** A part that is left out is taken from the other. */
function isBound({ using, check }: Policy): boolean {
  const parts = [using, check].filter((part) => part !== null);
  return parts.length > 0 && parts.every((part) => part === BOUND);
}

function rightFaults({ name, rights }: Relation, { app, worker }: Roles): string[] {
  const known = [app, worker];
  return rights.flatMap(({ role, right }) => {
    // A service asks at its start whether its schema is there; which migrations there were is nobody's secret.
    if (name === 'migration' && role === worker && right === 'SELECT') return [];
    if (name === 'migration' || !known.includes(role)) return [`${name}: ${role} has the right ${right}`];
    return BOUND_RIGHTS.has(right) ? [] : [`${name}: ${role} has ${right}, which no policy binds`];
  });
}

async function roleFaults(test: Pick<TestDatabase, 'asOwner'>, names: readonly string[]): Promise<string[]> {
  const roles = await test.asOwner<{ name: string; isFree: boolean; groups: string[] }>(
    `select r.rolname as name, r.rolsuper or r.rolbypassrls as "isFree",
            array(select m.roleid::regrole::text from pg_auth_members m where m.member = r.oid) as groups
       from pg_roles r
      where r.rolname = any($1)
      order by r.rolname`,
    [names],
  );
  return roles.flatMap(({ name, isFree, groups }) => [
    ...(isFree ? [`${name}: is not bound by row-level security`] : []),
    ...groups.map((group) => `${name}: has the rights of ${group} too`),
  ]);
}

function relationsOf(test: Pick<TestDatabase, 'asOwner'>, service: string): Promise<Relation[]> {
  return test.asOwner<Relation>(
    `select c.relname as name, c.relispartition as "isPartition",
            case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end as kind,
            coalesce(c.reloptions && array['security_invoker=true', 'security_invoker=on'], false) as "isInvoked",
            exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id') as "hasOrg",
            c.relrowsecurity and c.relforcerowsecurity as "isForced",
            array(select jsonb_build_object(
                           'name', p.polname, 'isPermissive', p.polpermissive, 'command', p.polcmd,
                           'roles', array(select case r when 0 then 'everybody' else r::regrole::text end
                                            from unnest(p.polroles) r),
                           'using', pg_get_expr(p.polqual, c.oid), 'check', pg_get_expr(p.polwithcheck, c.oid))
                    from pg_policy p where p.polrelid = c.oid order by p.polname) as policies,
            array(select jsonb_build_object(
                           'role', case acl.grantee when 0 then 'everybody' else acl.grantee::regrole::text end,
                           'right', acl.privilege_type)
                    from (select c.relacl as rights
                           union all
                          select a.attacl from pg_attribute a where a.attrelid = c.oid) granted
                    cross join aclexplode(granted.rights) acl
                   where acl.grantee <> c.relowner
                   order by acl.grantee, acl.privilege_type) as rights
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
      order by c.relname`,
    [service],
  );
}
