-- Whoever is removed is in no team any more, also who was removed before that was so.
update team t set version = version + 1, people = array(
    select id from unnest(t.people) with ordinality as p (id, number)
    where not exists (
        select from person where workspace_id = t.workspace_id and person.id = p.id and status = 'removed')
    order by number)
where exists (
    select from person where workspace_id = t.workspace_id and id = any(t.people) and status = 'removed');
