-- When a method is to be read anew at Stripe, because something was heard of it. Null: nothing was.
alter table payment_method add column look_due_at timestamptz;

create index payment_method_look on payment_method (look_due_at) where look_due_at is not null;
