-- The pages that customers see: origins that may embed them, their looks, and sessions of pages.
select null;
