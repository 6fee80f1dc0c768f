SELECT
    airlines.name AS airline,
    count(*) AS flights,
    count(*) FILTER (WHERE flights.dep_time IS NULL) AS cancelled,
    count(*) FILTER (WHERE flights.arr_delay > ?) AS late
FROM flights
JOIN airlines USING (carrier)
GROUP BY airlines.name
ORDER BY flights DESC
