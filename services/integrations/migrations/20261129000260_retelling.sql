-- Adapters read the logs of accounts that are connected: they hear once more which are.
update integration set is_to_be_retold = true;
