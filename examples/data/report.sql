-- Revenue by region and month, as the finance report shows it.
CREATE VIEW paid_orders AS
SELECT o.order_id, o.customer_id, o.order_date, p.amount - COALESCE(p.refund, 0) AS net_amount
FROM sales.orders AS o
JOIN sales.payments AS p ON p.order_id = o.order_id
WHERE p.status = 'paid';

CREATE TABLE finance.report AS
WITH located AS (
  SELECT paid_orders.*, c.region
  FROM paid_orders
  JOIN crm.customers AS c ON c.customer_id = paid_orders.customer_id
)
SELECT region, DATE_TRUNC('month', order_date) AS month, SUM(net_amount) AS revenue, COUNT(*) AS orders
FROM located
GROUP BY region, DATE_TRUNC('month', order_date);
